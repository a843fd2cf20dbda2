const socketAddress =
  /sin6?_port=htons\((\d+)\).*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")/g;

/** Addresses other than this machine's that calls in a trace of strace name, whether they were reached or not. */
export function foreignAddresses(trace: string): readonly string[] {
  const found = [...trace.matchAll(socketAddress)].map(([, port, v4, v6]) => ({
    port,
    address: v4 ?? v6 ?? "",
  }));
  const foreign = found.filter(
    ({ address }) => !address.startsWith("127.") && address !== "::1" && !address.startsWith("::ffff:127."),
  );
  return [...new Set(foreign.map(({ address, port }) => `${address}:${port}`))];
}
