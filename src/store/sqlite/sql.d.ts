/** Text of a migration; `with { type: "text" }` puts it into the executable. */
declare module "*.sql" {
  const text: string;
  export = text;
}
