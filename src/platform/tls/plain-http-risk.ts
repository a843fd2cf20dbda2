/** What plain HTTP beyond this machine means; for the log of `up` and `join`, and of a coordinator that calls a node. */
export const plainHttpRisk = {
  coordinator: {
    message:
      "plain HTTP: whoever is on the way between machines reads every message and token, and can take the tokens' place",
    remedy: "start with --tls, keep to this machine with --host 127.0.0.1, or use a network that encrypts",
  },
  node: {
    message:
      "plain HTTP to another machine: whoever is on the way reads this node's token and every message, and can give it work",
    remedy: "start the coordinator with: claw-mesh up --tls, and join with the line that it prints",
  },
  endpoint: {
    message:
      "this node is called over plain HTTP, outside the coordinator's TLS: whoever is on the way reads its token and messages, and can answer for it",
    remedy: "let the node keep a link (claw-mesh join without --listen), or use a network that encrypts",
  },
} as const;
