/**
 * The life of a gateway that is kept alive, without clocks and processes:
 *
 *     starting ──ready──▶ running ──ended──▶ backing_off ──due──▶ starting
 *        │ too long          │ hangs             ▲    │ too many ends in the window, or one that is final
 *        └────────▶ ending ◀─┘──────ended────────┘    └──▶ crash_loop
 *     starting, running, backing_off ──somebody asked for its end──▶ stopped
 *     crash_loop, stopped, backing_off ──somebody has started it──▶ running
 */
export type SupervisionPhase =
  | { readonly kind: "starting"; readonly sinceMs: number }
  /** `silentSinceMs`: nothing has answered since; `unreadySinceMs`: it takes no work since. null: all is well. */
  | {
      readonly kind: "running";
      readonly silentSinceMs: number | null;
      readonly unreadySinceMs: number | null;
    }
  /** It hung, got its signal and has not ended yet. */
  | { readonly kind: "ending" }
  | { readonly kind: "backing_off"; readonly untilMs: number }
  | { readonly kind: "crash_loop" }
  /** Somebody asked for its end. */
  | { readonly kind: "stopped" };

export interface SupervisionState {
  readonly phase: SupervisionPhase;
  /** When it ended by itself, within the window; monotonic, oldest first. */
  readonly endsMs: readonly number[];
  /** Times it was started again. */
  readonly restarts: number;
  /** How it ended last; null: never. */
  readonly detail: string | null;
}

export type SupervisionEvent =
  /** A look at it: it takes work, it answers but takes none, nothing answers. */
  | { readonly kind: "looked"; readonly health: "ready" | "unready" | "silent" }
  /**
   * Its process is gone, or the start failed. `isFinal`: another start would end alike. `wasAsked`: by `runtime stop`, maybe
   * while it waited for its next start.
   */
  | {
      readonly kind: "ended";
      readonly detail: string;
      readonly isFinal: boolean;
      readonly wasAsked: boolean;
    };

export interface SupervisionLimits {
  /** Time to become ready after a start. */
  readonly readyMs: number;
  /** Silence of one that was ready, from which on it counts as hung. */
  readonly silentMs: number;
  /** The same, of one that answers and takes no work: it may be finishing what it has. */
  readonly unreadyMs: number;
  /** First pause before it is started again; doubles with each end in the window. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** Ends in {@link windowMs} from which on it is given up. */
  readonly maxEnds: number;
  /** An end that is older is forgotten. */
  readonly windowMs: number;
}

export const defaultSupervisionLimits = {
  silentMs: 60_000,
  unreadyMs: 360_000,
  baseDelayMs: 1_000,
  maxDelayMs: 60_000,
  maxEnds: 5,
  windowMs: 600_000,
} as const satisfies Omit<SupervisionLimits, "readyMs">;

/** `launch`: see to it that it runs. `kill`: end its process. `adopt`: look whose process runs now. */
export type SupervisionEffect = "launch" | "kill" | "adopt" | null;

export interface SupervisionStep {
  readonly state: SupervisionState;
  readonly effect: SupervisionEffect;
}

export interface SupervisionMoment {
  /** Monotonic. */
  readonly nowMs: number;
  /** In [0, 1), for the jitter. */
  readonly chance: number;
  readonly limits: SupervisionLimits;
}

export function initialSupervision(nowMs: number): SupervisionState {
  return { phase: { kind: "starting", sinceMs: nowMs }, endsMs: [], restarts: 0, detail: null };
}

export function nextSupervision(
  state: SupervisionState,
  event: SupervisionEvent,
  moment: SupervisionMoment,
): SupervisionStep {
  switch (event.kind) {
    case "looked":
      return look(state, event.health, moment);
    case "ended":
      return end(state, event, moment);
    default:
      return event satisfies never;
  }
}

function look(
  state: SupervisionState,
  health: "ready" | "unready" | "silent",
  moment: SupervisionMoment,
): SupervisionStep {
  const { phase } = state;
  switch (phase.kind) {
    case "starting":
      if (health === "ready") return stay({ ...state, phase: healthy });
      return moment.nowMs - phase.sinceMs >= moment.limits.readyMs
        ? hung(state, `it was not ready within ${seconds(moment.limits.readyMs)}`)
        : stay(state);
    case "running":
      return lookAtRunning(state, phase, health, moment);
    case "ending":
      return stay(state);
    case "backing_off":
      if (health === "ready") return { state: { ...state, phase: healthy }, effect: "adopt" };
      return moment.nowMs >= phase.untilMs ? startAgain(state, moment.nowMs) : stay(state);
    case "crash_loop":
    case "stopped":
      // Somebody has mended it and started it: what was before does not count any more.
      return health === "ready"
        ? { state: { ...state, phase: healthy, endsMs: [] }, effect: "adopt" }
        : stay(state);
    default:
      return phase satisfies never;
  }
}

const healthy = { kind: "running", silentSinceMs: null, unreadySinceMs: null } as const;

function lookAtRunning(
  state: SupervisionState,
  phase: Extract<SupervisionPhase, { kind: "running" }>,
  health: "ready" | "unready" | "silent",
  { nowMs, limits }: SupervisionMoment,
): SupervisionStep {
  if (health === "ready") return stay(phase.unreadySinceMs === null ? state : { ...state, phase: healthy });
  const unreadySinceMs = phase.unreadySinceMs ?? nowMs;
  const silentSinceMs = health === "silent" ? (phase.silentSinceMs ?? nowMs) : null;
  if (silentSinceMs !== null && nowMs - silentSinceMs >= limits.silentMs) {
    return hung(state, `it did not answer for ${seconds(limits.silentMs)}`);
  }
  if (nowMs - unreadySinceMs >= limits.unreadyMs) {
    return hung(state, `it took no work for ${seconds(limits.unreadyMs)}`);
  }
  return stay({ ...state, phase: { kind: "running", silentSinceMs, unreadySinceMs } });
}

function end(
  state: SupervisionState,
  event: Extract<SupervisionEvent, { kind: "ended" }>,
  { nowMs, chance, limits }: SupervisionMoment,
): SupervisionStep {
  const { kind } = state.phase;
  if (kind === "crash_loop" || kind === "stopped") return stay(state);
  if (kind === "backing_off" && !event.wasAsked) return stay(state);
  // It was killed for a reason that says more than how it died.
  const detail = kind === "ending" ? state.detail : event.detail;
  if (event.wasAsked)
    return stay({ ...state, phase: { kind: "stopped" }, detail: "it was stopped by somebody" });
  const endsMs = [...state.endsMs.filter((at) => nowMs - at < limits.windowMs), nowMs];
  if (event.isFinal || endsMs.length >= limits.maxEnds) {
    return stay({ ...state, phase: { kind: "crash_loop" }, endsMs, detail });
  }
  const fullMs = Math.min(limits.maxDelayMs, limits.baseDelayMs * 2 ** (endsMs.length - 1));
  const untilMs = nowMs + fullMs * (0.5 + chance / 2);
  return stay({ ...state, phase: { kind: "backing_off", untilMs }, endsMs, detail });
}

function startAgain(state: SupervisionState, nowMs: number): SupervisionStep {
  return {
    state: { ...state, phase: { kind: "starting", sinceMs: nowMs }, restarts: state.restarts + 1 },
    effect: "launch",
  };
}

function hung(state: SupervisionState, detail: string): SupervisionStep {
  return { state: { ...state, phase: { kind: "ending" }, detail }, effect: "kill" };
}

function stay(state: SupervisionState): SupervisionStep {
  return { state, effect: null };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
