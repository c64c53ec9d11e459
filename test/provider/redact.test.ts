import { expect, test } from "vitest";
import { fillSecrets } from "../../infra/rendering/generation.ts";
import { type SecretKind, secretPlaceholder } from "../../infra/rendering/types.ts";
import { Redactor } from "../../provider/redact.ts";

test.each<SecretKind>(["passfile", "userlist", "conninfo", "uri"])("a secret is masked as a %s has it", (kind) => {
  const secret = `p:a\\s"s'w o%rd`;
  const redactor = new Redactor();
  redactor.add(secret);
  const line = fillSecrets(`user ${secretPlaceholder("x", kind)} end`, { x: secret }, "f");
  expect(redactor.redact(line)).toBe("user [secret] end");
});
