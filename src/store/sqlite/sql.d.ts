/** Text of a migration; `with { type: "text" }` puts it into the executable. */
declare module "*.sql" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: a text import has nothing else to be named by
  export default text;
}
