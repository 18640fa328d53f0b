/** A rule of our own: `new Date()` reads the clock where time is injected. */
const rule = {
  meta: { type: "problem", messages: { clock: "time is injected in this room: clock.nowMs" } },
  create: (context) => ({
    NewExpression(node) {
      if (node.callee.name === "Date" && node.arguments.length === 0) {
        context.report({ node, messageId: "clock" });
      }
    },
  }),
};

export default { meta: { name: "freshet" }, rules: { "injected-time": rule } };
