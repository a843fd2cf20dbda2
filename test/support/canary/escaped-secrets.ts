/** Preloaded into a process of claw-mesh: a fault that nothing catches, whose text and stack hold what TEST_FAULT_FILE says. */
process.on("newListener", (name) => {
  if (name !== "unhandledRejection") return;
  setTimeout(async () => {
    throw new TypeError(`boom: ${await Bun.file(process.env.TEST_FAULT_FILE ?? "").text()}`);
  }, 0);
});
