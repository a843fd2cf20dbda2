/** Preloaded into a process of claw-mesh: a fault that nothing catches, as soon as the last resort listens. */
process.on("newListener", (name) => {
  if (name !== "unhandledRejection") return;
  setTimeout(() => {
    const fault = new TypeError(`boom with ${process.env.CLAW_MESH_TOKEN}`);
    if (process.env.TEST_FAULT === "rejection") void Promise.reject(fault);
    else throw fault;
  }, 0);
});
