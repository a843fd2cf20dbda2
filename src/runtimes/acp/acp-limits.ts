/** How long an agent may take for what. */
export interface AcpLimits {
  /** From the start of a process to its answer to `initialize`: some agents are fetched by their start. */
  readonly initializeMs: number;
  /** To open a session, with whatever has to be closed before. */
  readonly openMs: number;
  /** To stop its turn, once asked, before its process is ended. Others wait 5 s for all of it. */
  readonly cancelMs: number;
  /** To be there in a probe, which may take 3 s. */
  readonly probeMs: number;
  /** From the end of its input to SIGTERM. */
  readonly inputGraceMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly killGraceMs: number;
}

export const acpLimits: AcpLimits = {
  initializeMs: 120_000,
  openMs: 30_000,
  cancelMs: 2_500,
  probeMs: 2_700,
  inputGraceMs: 500,
  killGraceMs: 1_500,
};
