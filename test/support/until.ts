/**
 * Asks until the answer is there. For what can only be asked for, such as the list of nodes over HTTP; where there is
 * an event, await that.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const endsAtMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (performance.now() > endsAtMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await Bun.sleep(25);
  }
}
