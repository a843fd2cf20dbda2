/** Of `doctor --bundle`. */
export const supportTexts = {
  written: (file: string) =>
    `Support bundle written to ${file}; it holds no secrets and no message contents. Read it before you pass it on.`,
  cannotWrite: (file: string, code: string) => `cannot write ${file} (${code})`,
  noLog: (file: string, code: string) => `cannot read the log ${file} (${code})`,
  noLogHint: "Name a file that holds what claw-mesh wrote to standard error, or leave --log away.",
  logWithoutBundle: "--log belongs to --bundle",
};
