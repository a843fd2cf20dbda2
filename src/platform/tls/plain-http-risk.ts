/** What plain HTTP beyond this machine means; for the log of `up` and `join`. */
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
} as const;
