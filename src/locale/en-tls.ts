/** TLS, as commands speak of it. */
export const tlsTexts = {
  halfPair: "a certificate needs its key, and a key its certificate",
  halfPairHint: "Give both: --cert and --key, or tls.cert_file and tls.key_file.",
  certificate: (subject: string, issuer: string, ends: string, pin: string) =>
    `${subject}, from ${issuer}, until ${ends}, pin ${pin}`,
  noTls: "plain HTTP",
  endsSoon: "Renew it; a coordinator with a certificate of its own does that by itself while it runs.",
};
