/** A member of a heap; only the heap changes it. */
export interface HeapNode {
  /** Where the heap keeps it; -1 outside. */
  heapIndex: number;
}

/** The least of its members first; adding and removing any of them takes O(log n). */
export interface OrderedHeap<Node extends HeapNode> {
  readonly size: () => number;
  readonly least: () => Node | null;
  readonly add: (node: Node) => void;
  /** Without effect on one that is not in it. */
  readonly remove: (node: Node) => void;
  readonly takeLeast: () => Node | null;
  /** In no particular order. */
  readonly members: () => readonly Node[];
}

/** @param isBefore a strict order of the members that does not change while they are in the heap */
export function createOrderedHeap<Node extends HeapNode>(
  isBefore: (left: Node, right: Node) => boolean,
): OrderedHeap<Node> {
  const nodes: Node[] = [];

  function put(node: Node, index: number): void {
    nodes[index] = node;
    node.heapIndex = index;
  }

  function rise(node: Node, from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = nodes[above];
      if (parent === undefined || !isBefore(node, parent)) break;
      put(parent, index);
      index = above;
    }
    put(node, index);
  }

  function sink(node: Node, from: number): void {
    let index = from;
    for (;;) {
      const left = nodes[2 * index + 1];
      const right = nodes[2 * index + 2];
      const least = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
      if (least === undefined || !isBefore(least, node)) break;
      const below = least.heapIndex;
      put(least, index);
      index = below;
    }
    put(node, index);
  }

  function remove(node: Node): void {
    const index = node.heapIndex;
    if (nodes[index] !== node) return;
    node.heapIndex = -1;
    const last = nodes.pop();
    if (last === undefined || last === node) return;
    sink(last, index);
    rise(last, last.heapIndex);
  }

  return {
    size: () => nodes.length,
    least: () => nodes[0] ?? null,
    add: (node) => rise(node, nodes.length),
    remove,
    takeLeast: () => {
      const least = nodes[0] ?? null;
      if (least !== null) remove(least);
      return least;
    },
    members: () => nodes,
  };
}
