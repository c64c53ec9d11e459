/**
 * When a resource fails and the engine goes on with the others (PULUMI_CONTINUE_ON_ERROR), the SDK rejects the
 * failed resource's outputs. The engine has reported the failure by then; Node would add a stack trace to it.
 */

const REPORTED = /^resource .+ failed to register$/;

/** Lets rejections that the engine has reported pass in silence; every other one is handled as before. */
export function quietReportedFailures(): void {
  const before = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason, promise) => {
    if (reason instanceof Error && REPORTED.test(reason.message)) return;
    for (const listener of before) listener(reason, promise);
  });
}
