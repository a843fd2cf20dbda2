/**
 * Does something with each item, a few at a time, and yields the results in the order of the items. The first failure is
 * thrown when its turn comes; what had begun by then is waited for.
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  concurrency: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, void> {
  let running: readonly Promise<Result>[] = [];
  const takeFirst = () => {
    const [first, ...rest] = running;
    running = rest;
    return first;
  };
  try {
    for await (const item of items) {
      if (running.length >= concurrency) {
        const first = takeFirst();
        if (first !== undefined) yield await first;
      }
      running = [...running, work(item)];
    }
    for (let first = takeFirst(); first !== undefined; first = takeFirst()) yield await first;
  } finally {
    await Promise.allSettled(running);
  }
}
