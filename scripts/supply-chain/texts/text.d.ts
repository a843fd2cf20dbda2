declare module "*.txt" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: it is how the bundler gives a file as text
  export default text;
}
