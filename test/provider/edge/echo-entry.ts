/** Loaded into the real provider process with `--import`: resources that answer, fail, hang and leak on demand. */

import { appendFileSync } from "node:fs";
import { resources } from "../../../provider/registry.ts";
import { type Context, type DiffResult, PartialFailure, type Resource, UNKNOWN } from "../../../provider/types.ts";

export const TYPE = "pgfleet:test:Echo";

// biome-ignore lint/suspicious/noExplicitAny: the tests send whatever they like
type Any = any;

/** Leaves a trace of every side effect in the file that the test names. */
function trace(news: Any, line: string): void {
  if (typeof news.trace === "string") appendFileSync(news.trace, `${line}\n`);
}

async function act(news: Any, context: Context, id: string): Promise<Any> {
  trace(news, `start ${news.do ?? ""}`);
  switch (news.do) {
    case "partial":
      throw new PartialFailure(`written, not started: ${news.password ?? ""}`, id, {
        ...news,
        reached: "half",
        absent: undefined,
      });
    case "partial-generated":
      throw new PartialFailure("made generated-secret-77 and failed", id, { ...news, token: "generated-secret-77" });
    case "throw":
      throw new Error(`cannot use ${news.password} nor ${JSON.stringify({ p: news.password })}`);
    case "defect":
      return (undefined as Any).property;
    case "hang":
      context.status("hanging");
      await new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(context.signal.reason)));
      return {};
    case "hang-partial":
      context.status("hanging");
      await new Promise<void>((resolve) => context.signal.addEventListener("abort", () => resolve()));
      trace(news, `aborted: ${context.signal.reason.message}`);
      throw new PartialFailure(context.signal.reason.message, id, { ...news, reached: "half" });
    case "ignore-abort":
      context.status("hanging");
      context.signal.addEventListener("abort", () => trace(news, "aborted"));
      return new Promise(() => {});
    case "log":
      for (let i = 0; i < 20; i++) context.log("info", `line ${i}`);
      context.log("warning", `password is ${news.password}`);
      context.status(`status with ${news.password}`);
      return news;
    case "stray":
      void Promise.reject(new Error(`stray ${news.password}`));
      await new Promise((resolve) => setImmediate(resolve));
      return news;
    case "uncaught":
      setImmediate(() => {
        throw new Error("thrown in nobody's name");
      });
      await new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(context.signal.reason)));
      return {};
    case "print":
      console.log("this must not reach standard output");
      process.stdout.write("nor this\n");
      return news;
    case "leak":
      return { ...news, copy: { deep: [`url=postgres://u:${news.password}@h`], map: { [`key-${news.password}`]: 1 } } };
    case "big":
      throw new PartialFailure("big", id, { ...news, body: "x".repeat(3_000_000) });
    default:
      return {
        ...news,
        made: { by: "echo", list: [1, undefined, { gone: undefined, kept: null }] },
        missing: undefined,
      };
  }
}

const echo: Resource<Any, Any> = {
  secrets: ["token", "nested.key"],
  check(news) {
    const failures = [];
    if (news.refuse !== undefined)
      failures.push({ property: "refuse", reason: `is ${news.refuse}, password ${news.password}` });
    if (news.wantsUnknown !== undefined && news.wantsUnknown !== UNKNOWN)
      failures.push({ property: "wantsUnknown", reason: "known" });
    return failures;
  },
  diff(olds, news, oldInputs) {
    const keys = Object.keys(news).filter(
      (key) => JSON.stringify(olds[key]) !== JSON.stringify(news[key]) || news[key] === UNKNOWN,
    );
    const kind = news.replace ? "update-replace" : "update";
    const detailed: DiffResult["detailed"] = Object.fromEntries(
      keys.map((key) => [key, { kind, inputDiff: true }] as const),
    );
    if (olds.drift) detailed["live.setting"] = { kind: "update", inputDiff: false };
    return {
      changes: Object.keys(detailed).length > 0,
      detailed,
      deleteBeforeReplace: Boolean(news.replace && oldInputs),
    };
  },
  preview(news, olds) {
    if (news.foresee === "refused") throw new Error(`would be refused: ${news.password}`);
    return news.foresee === undefined ? news : { ...news, type: news.foresee, was: olds?.type ?? null };
  },
  async create(news, context) {
    return { id: "echo-1", outputs: await act(news, context, "echo-1") };
  },
  async read(id, olds, oldInputs, context) {
    if (oldInputs.do === "gone") return undefined;
    if (oldInputs.do === "partial") await act(oldInputs, context, id);
    return { id, outputs: { ...olds, live: true }, inputs: { ...oldInputs, live: oldInputs.password } };
  },
  update: (id, _olds, news, context) => act(news, context, id),
  async delete(id, olds, context) {
    await act(olds, context, id);
  },
};

resources.set(TYPE, echo);
