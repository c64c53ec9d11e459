/**
 * When a resource fails and the engine goes on with the others (PULUMI_CONTINUE_ON_ERROR), the SDK rejects the
 * failed resource's outputs. The engine has reported the failure by then; Node would add a stack trace to it.
 */

/** Also where it arrived in the inputs of another resource. */
const REPORTED = /^(error serializing property "[^"]*": )*resource .+ failed to register$/;

/** Whether the engine has said it already. */
export const isReported = (reason: unknown): boolean => reason instanceof Error && REPORTED.test(reason.message);

/** The SDK's own exit code for "the person has been told" (nodeJSProcessExitedAfterLoggingUserActionableMessage). */
const TOLD = 32;

/**
 * Lets rejections that the engine has reported pass in silence; every other one is handled as before. The program
 * still ends as failed: what depends on a failed resource was never registered, and the engine deletes what a
 * program that ended well has not registered.
 */
export function quietReportedFailures(): void {
  const before = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason, promise) => {
    if (!isReported(reason)) {
      for (const listener of before) listener(reason, promise);
      return;
    }
    process.exitCode = TOLD;
  });
}
