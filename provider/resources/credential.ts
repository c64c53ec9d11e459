/** Credential: a password made once, or given, its verifier, and a version that changes exactly when it does. */

import type { CredentialInputs, CredentialOutputs } from "../../infra/resources.ts";
import { generatePassword, scramVerifier, verifies } from "../postgres/scram.ts";
import type { DiffResult, Resource } from "../types.ts";
import { UNKNOWN } from "../types.ts";

export const credential: Resource<CredentialInputs, CredentialOutputs> = {
  secrets: ["password", "verifier"],

  diff(olds, news): DiffResult {
    const detailed: DiffResult["detailed"] = {};
    if (olds.rotation !== news.rotation) detailed.rotation = { kind: "update", inputDiff: true };
    const given = news.password as unknown;
    if (given === UNKNOWN || (given !== undefined && given !== olds.password))
      detailed.password = { kind: "update", inputDiff: true };
    if (olds.role !== news.role) detailed.role = { kind: "update-replace", inputDiff: true };
    return { changes: Object.keys(detailed).length > 0, detailed };
  },

  async create(news) {
    return { id: news.role, outputs: issue(news, 0) };
  },

  async read(id, olds, oldInputs) {
    return { id, inputs: oldInputs, outputs: olds };
  },

  async update(_id, olds, news) {
    // The same password given again keeps its verifier: a new salt would lock out servers that have the old one.
    if (news.password !== undefined && verifies(olds.verifier, news.password))
      return { ...olds, ...news, password: news.password };
    return issue(news, olds.version);
  },

  // Nothing on any host: the role and its verifier stay with the data.
  async delete() {},
};

function issue(news: CredentialInputs, lastVersion: number): CredentialOutputs {
  const password = news.password ?? generatePassword();
  // A version that was never used before, also where the state that knew the last one is lost: files with the new
  // password are then another generation than those with the old one, and everybody who read those reads again.
  const version = Math.max(lastVersion + 1, Math.floor(Date.now() / 1000));
  return { ...news, password, verifier: scramVerifier(password), version };
}
