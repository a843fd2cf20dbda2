/** What is said of a configuration file that others could have written. */
export const configTexts = {
  passedOver: (path: string, reason: string) =>
    `Warning: ${path} is passed over: ${reason}. If you trust what is in it, name it with --config.`,
  namedIsOpen: (path: string, reason: string) =>
    `Warning: ${path} is used as you named it, but others could have written it: ${reason}.`,
};
