import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  create,
  type FakeEngine,
  failure,
  type Json,
  json,
  type Provider,
  partialState,
  secret,
  startEngine,
  startProvider,
  struct,
  UNKNOWN_TEXT,
  URN,
  until,
} from "./harness.ts";

const CANARY = "c4nary'with\"quotes\nand lines";
let folder: string;
let engine: FakeEngine;
let provider: Provider;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pgfleet-edge-"));
  engine = await startEngine();
  provider = await startProvider([engine.address]);
});
afterAll(async () => {
  await provider.stop();
  engine.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  engine.lines.length = 0;
});

const tracePath = (name: string) => join(folder, name);
const traced = (name: string) => {
  try {
    return readFileSync(tracePath(name), "utf8");
  } catch {
    return "";
  }
};
const made = (request: messages.CreateRequest) => provider.call<messages.CreateResponse>("create", request);

test("prints its port and nothing else, even when code prints", async () => {
  await made(create({ do: "print" }));
  expect(provider.stdout()).toBe(`${provider.port}\n`);
  await until(() => provider.stderr().includes("nor this"), "the redirected print");
});

test("stays small", () => {
  const kB = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${provider.process.pid}/status`, "utf8"))?.[1]);
  console.log(`provider memory: ${Math.round(kB / 1000)} MB resident`);
  expect(kB).toBeLessThan(160_000);
});

test("introduces itself: secrets accepted, output values and resource references not, previews of its own", async () => {
  const handshake = await provider.call<messages.ProviderHandshakeResponse>(
    "handshake",
    new messages.ProviderHandshakeRequest(),
  );
  expect(handshake.toObject()).toMatchObject({ acceptSecrets: true, acceptResources: false, acceptOutputs: false });
  const configured = await provider.call<messages.ConfigureResponse>("configure", new messages.ConfigureRequest());
  expect(configured.toObject()).toMatchObject({
    acceptsecrets: true,
    acceptresources: false,
    acceptoutputs: false,
    supportspreview: true,
  });
  const schema = await provider.call<messages.GetSchemaResponse>("getSchema", new messages.GetSchemaRequest());
  expect(JSON.parse(schema.getSchema())).toMatchObject({ name: "pgfleet" });
  const info = await provider.call<plugin.PluginInfo>("getPluginInfo", new empty.Empty());
  expect(info.getVersion()).toMatch(/^\d+\.\d+\.\d+$/);
  const config = struct({ any: secret("thing") });
  const checked = await provider.call<messages.CheckResponse>(
    "checkConfig",
    new messages.CheckRequest().setNews(config),
  );
  expect(json(checked.getInputs())).toEqual({ any: secret("thing") });
});

test("secrets come back as secrets at every depth, and at the resource's own keys", async () => {
  const inputs = {
    password: secret(CANARY),
    list: [{ name: "a", key: secret("list-secret-1") }, secret({ whole: ["object-secret-2"] })],
    token: "given-in-plain-3",
    nested: { key: "dotted-secret-4", open: "visible" },
    mode: "0644",
  };
  const outputs = json((await made(create(inputs))).getProperties());
  expect(outputs).toEqual({
    ...inputs,
    token: secret("given-in-plain-3"),
    nested: { key: secret("dotted-secret-4"), open: "visible" },
    made: { by: "echo", list: [1, null, { kept: null }] },
  });
});

test("a secret that a resource copies somewhere else is secret there too, even as part of a text or a key", async () => {
  const outputs = json((await made(create({ do: "leak", password: secret("c4nary-5") }))).getProperties());
  expect(outputs.copy).toEqual({ deep: [secret("url=postgres://u:c4nary-5@h")], map: secret({ "key-c4nary-5": 1 }) });
  expect(outputs.do).toBe("leak");
});

test("check keeps unknowns and secrets, and its failures do not show a secret", async () => {
  const news = {
    a: UNKNOWN_TEXT,
    b: secret(UNKNOWN_TEXT),
    wantsUnknown: UNKNOWN_TEXT,
    token: "t",
    password: secret(CANARY),
    refuse: "x",
  };
  const request = new messages.CheckRequest().setUrn(URN).setNews(struct(news));
  const response = await provider.call<messages.CheckResponse>("check", request);
  expect(json(response.getInputs())).toEqual({ ...news, token: secret("t") });
  expect(response.getFailuresList().map((f) => f.toObject())).toEqual([
    { property: "refuse", reason: "is x, password [secret]" },
  ]);
});

test("diff says what happens to each property, with unknowns in it, without what is ignored", async () => {
  const diff = (olds: Json, news: Json, ignore: string[] = []) =>
    provider.call<messages.DiffResponse>(
      "diff",
      new messages.DiffRequest()
        .setUrn(URN)
        .setOlds(struct(olds))
        .setNews(struct(news))
        .setOldInputs(struct(olds))
        .setIgnorechangesList(ignore),
    );
  const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
  expect((await diff({ a: secret("1") }, { a: secret("1") })).getChanges()).toBe(DIFF_NONE);
  const changed = await diff({ a: 1, b: 2, drift: true }, { a: UNKNOWN_TEXT, b: 2 });
  expect(changed.getChanges()).toBe(DIFF_SOME);
  expect(changed.getHasdetaileddiff()).toBe(true);
  const { UPDATE } = messages.PropertyDiff.Kind;
  expect(changed.getDetaileddiffMap().get("a")?.getKind()).toBe(UPDATE);
  expect(changed.getDetaileddiffMap().get("live.setting")?.getInputdiff()).toBe(false);
  expect(changed.getDiffsList()).toEqual(["a", "live"]);
  expect(changed.getReplacesList()).toEqual([]);
  const replaced = await diff({ a: 1 }, { a: 2, replace: true });
  expect(replaced.getReplacesList().sort()).toEqual(["a", "replace"]);
  expect(replaced.getDeletebeforereplace()).toBe(true);
  expect((await diff({ b: 2, drift: true }, { b: 2 }, ["live"])).getChanges()).toBe(DIFF_NONE);
});

test("read returns inputs and outputs, and nothing when the resource is gone", async () => {
  const read = (inputs: Json, properties: Json) =>
    provider.call<messages.ReadResponse>(
      "read",
      new messages.ReadRequest()
        .setUrn(URN)
        .setId("echo-1")
        .setInputs(struct(inputs))
        .setProperties(struct(properties)),
    );
  const live = await read(
    { password: secret(CANARY) },
    { password: secret(CANARY), onlyOutput: secret("state-secret-6") },
  );
  expect(live.getId()).toBe("echo-1");
  expect(json(live.getInputs())).toEqual({ password: secret(CANARY), live: secret(CANARY) });
  expect(json(live.getProperties())).toEqual({
    password: secret(CANARY),
    onlyOutput: secret("state-secret-6"),
    live: true,
  });
  expect((await read({ do: "gone" }, {})).getId()).toBe("");
  const error = await failure(read({ do: "partial", password: secret(CANARY) }, {}));
  expect(partialState(error)?.inputs).toEqual({ do: "partial", password: secret(CANARY) });
});

test("a failure after a side effect carries the state reached, for create and update; its message has no secret", async () => {
  const inputs = { do: "partial", password: secret(CANARY) };
  const update = new messages.UpdateRequest().setUrn(URN).setId("echo-1").setNews(struct(inputs)).setOlds(struct({}));
  for (const failed of [made(create(inputs)), provider.call("update", update)]) {
    const error = await failure(failed);
    expect(error.code).toBe(status.UNKNOWN);
    expect(error.details).toBe("written, not started: [secret]");
    expect(partialState(error)).toEqual({
      id: "echo-1",
      properties: { do: "partial", password: secret(CANARY), reached: "half" },
      inputs: undefined,
      reasons: ["written, not started: [secret]"],
    });
  }
  const generated = await failure(made(create({ do: "partial-generated" })));
  expect(generated.details).toBe("made [secret] and failed");
  expect(partialState(generated)?.properties.token).toEqual(secret("generated-secret-77"));
});

test("a plain error changed nothing; a defect may have; neither shows a secret", async () => {
  const plain = await failure(made(create({ do: "throw", password: secret(CANARY) })));
  expect(plain.code).toBe(status.FAILED_PRECONDITION);
  expect(plain.details).toBe('cannot use [secret] nor {"p":"[secret]"}');
  expect(partialState(plain)).toBeUndefined();
  expect((await failure(made(create({ do: "defect" })))).code).toBe(status.INTERNAL);
});

test("assets and unknown types are refused by name", async () => {
  const asset = { "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", text: "x" };
  const error = await failure(made(create({ files: [{ body: asset }] })));
  expect(error.details).toBe("files[0].body: an asset is not accepted; give plain data");
  const other = create({}).setUrn(URN.replace("test:Echo", "test:Other"));
  expect((await failure(made(other))).details).toContain('no resource of type "pgfleet:test:Other"; it has: ');
  const invoke = await failure(provider.call("invoke", new messages.InvokeRequest().setTok("pgfleet:index:get")));
  expect(invoke.code).toBe(status.UNIMPLEMENTED);
  expect(invoke.details).toBe('the provider pgfleet has no function "pgfleet:index:get"');
});

test("a preview of create or update touches nothing", async () => {
  const inputs = { trace: tracePath("preview"), later: UNKNOWN_TEXT, token: UNKNOWN_TEXT };
  const created = await made(create(inputs).setPreview(true));
  expect(created.getId()).toBe("");
  expect(json(created.getProperties())).toEqual({ ...inputs, token: secret(UNKNOWN_TEXT) });
  const update = new messages.UpdateRequest().setUrn(URN).setId("echo-1").setNews(struct(inputs)).setPreview(true);
  await provider.call("update", update);
  expect(traced("preview")).toBe("");
});

test("a resource may say what its preview knows, or that it would be refused", async () => {
  const inputs = { trace: tracePath("foreseen"), foresee: "large", later: UNKNOWN_TEXT, token: UNKNOWN_TEXT };
  const created = await made(create(inputs).setPreview(true));
  expect(json(created.getProperties())).toEqual({ ...inputs, token: secret(UNKNOWN_TEXT), type: "large", was: null });
  const update = new messages.UpdateRequest().setUrn(URN).setId("echo-1").setPreview(true);
  update.setNews(struct(inputs)).setOlds(struct({ type: "small" }));
  const updated = await provider.call<messages.UpdateResponse>("update", update);
  expect(json(updated.getProperties())).toMatchObject({ type: "large", was: "small" });
  update.setNews(struct({ foresee: "refused", password: secret("c4nary-8") }));
  const error = await failure(provider.call("update", update));
  expect(error.details).toBe("would be refused: [secret]");
  expect(traced("foreseen")).toBe("");
});

test("log lines arrive in order, before the answer, with their URN, without secrets", async () => {
  await made(create({ do: "log", password: secret("c4nary-7") }));
  const lines = [...engine.lines];
  expect(lines.map((line) => line.message)).toEqual([
    ...Array.from({ length: 20 }, (_, i) => `line ${i}`),
    "password is [secret]",
    "status with [secret]",
  ]);
  expect(lines.every((line) => line.urn === URN)).toBe(true);
  expect(lines.map((line) => line.ephemeral)).toEqual([...Array(21).fill(false), true]);
  expect(lines[20]?.severity).toBe(2);
});

test("cancel aborts what runs, is harmless otherwise, and does not stick", async () => {
  await provider.call("cancel", new empty.Empty());
  const hanging = failure(made(create({ do: "hang-partial", trace: tracePath("cancel") })));
  const plain = failure(made(create({ do: "hang" })));
  await until(() => engine.lines.filter((line) => line.message === "hanging").length === 2, "two hanging operations");
  await provider.call("cancel", new empty.Empty());
  expect(partialState(await hanging)?.reasons).toEqual(["stopped: the update was cancelled"]);
  expect((await plain).code).toBe(status.CANCELLED);
  expect(json((await made(create({ a: 1 }))).getProperties()).a).toBe(1);
});

test("customTimeouts end an operation", async () => {
  const error = await failure(made(create({ do: "hang" }, 0.05)));
  expect(error.details).toBe("stopped after the 0.05 s that customTimeouts allow");
});

test("a stray rejection is noted and hurts nobody; an uncaught error ends what runs", async () => {
  const bystander = failure(made(create({ do: "hang-partial", trace: tracePath("bystander") })));
  await until(() => traced("bystander").includes("start"), "the bystander");
  engine.lines.length = 0;
  await made(create({ do: "stray", password: secret("c4nary-8") }));
  await until(() => engine.lines.some((line) => line.message.includes("stray [secret]")), "the note");
  expect(engine.lines.some((line) => line.message.includes("c4nary-8"))).toBe(false);
  expect(engine.lines.every((line) => line.severity === 0)).toBe(true);
  expect(traced("bystander")).not.toContain("aborted");
  const error = await failure(made(create({ do: "uncaught" })));
  expect(error.details).toBe("stopped by an internal error: thrown in nobody's name");
  await bystander;
  expect(json((await made(create({ a: 1 }))).getProperties()).a).toBe(1);
});

test("attach moves the log to another engine", async () => {
  const other = await startEngine();
  await provider.call("attach", new plugin.PluginAttach().setAddress(other.address));
  await made(create({ do: "log" }));
  expect(other.lines.length).toBeGreaterThan(0);
  await provider.call("attach", new plugin.PluginAttach().setAddress(engine.address));
  other.stop();
});

test("large bodies pass both ways", async () => {
  const body = "line\n".repeat(400_000);
  expect(json((await made(create({ body }))).getProperties()).body).toHaveLength(body.length);
});
