/** The variables a process was started with. `src/main.ts` reads them once and passes them on. */
export type Environment = Readonly<Record<string, string | undefined>>;
