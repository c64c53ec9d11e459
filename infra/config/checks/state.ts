/** Off this machine, the state of a fleet must outlive the machine that `up` ran on, unless the config says otherwise. */

import type { Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";

/** What can be known of where the engine keeps its state. */
export interface StateFacts {
  /** Where it is, and where that is said; absent: not known, or Pulumi Cloud by default. */
  backend?: { url: string; from: "PULUMI_BACKEND_URL" | "backend.url in Pulumi.yaml" | "pulumi login" };
  /** The stack file's own lines; absent: not there, or the file is not known. */
  secretsProvider?: string;
  encryptionSalt?: boolean;
}

const STACK_ON_AWS = "--secrets-provider='awskms://alias/NAME?region=REGION'";

/** Both at once: who moves the state chooses the secrets provider in the same step. */
export function checkState(draft: Draft, facts: StateFacts, report: Report): void {
  const platform = draft.platform ?? "local";
  if (platform === "local" || report.has(["platform"]) || report.has(["state"])) return;
  const folder = facts.backend && isFolder(facts.backend.url) ? facts.backend : undefined;
  const passphrase = isPassphrase(facts);
  if (draft.state === "file") {
    if (facts.backend && !folder && !passphrase && keepsSecrets(facts))
      report.warn(
        "postgres-fleet:state: file is not needed: the state is shared and under no passphrase. Remove the line.",
      );
    return;
  }
  const wrong: string[] = [];
  if (folder)
    wrong.push(
      `is in a folder of this machine (${withoutCredentials(folder.url)}, from ${folder.from}). If the folder is lost, so is what Pulumi knows of the fleet, passwords and the keys of its authority among it; and nobody can run up from elsewhere, or sees that somebody does.`,
    );
  if (passphrase)
    wrong.push(
      `${folder ? "Its secrets are" : "has its secrets"} under a passphrase (${saysPassphrase(facts)} in the stack file), which is on one laptop, or on too many, and cannot be taken back from who has seen it.`,
    );
  if (wrong.length > 0)
    report.add(
      ["state"],
      [`has to be shared on platform ${platform}, but Pulumi's state ${wrong.join("\n")}`, ...waysOut(!!folder)].join(
        "\n",
      ),
    );
}

/** As the CLI takes it: a provider of its own wins over the salt; without one, the salt means a passphrase. */
function isPassphrase({ secretsProvider = "", encryptionSalt }: StateFacts): boolean {
  if (secretsProvider === "passphrase") return true;
  return (secretsProvider === "" || secretsProvider === "default") && encryptionSalt === true;
}

/** Somebody other than a passphrase is known to; a stack file that was not seen says nothing. */
const keepsSecrets = ({ backend, secretsProvider = "" }: StateFacts): boolean =>
  !["", "default"].includes(secretsProvider) || /^https?:/i.test(backend?.url ?? "");

const saysPassphrase = ({ secretsProvider }: StateFacts): string =>
  secretsProvider === "passphrase" ? "secretsprovider: passphrase" : "encryptionsalt, and no other secretsprovider";

const isFolder = (url: string): boolean => /^file:/i.test(url.trim());

/** A folder's URL has none; a person's mistake may. */
const withoutCredentials = (url: string): string => url.replace(/\/\/[^/@]*@/, "//");

function waysOut(folder: boolean): string[] {
  if (!folder)
    return [
      `S3 + KMS:      pulumi stack change-secrets-provider 'awskms://alias/NAME?region=REGION'`,
      "Pulumi Cloud:  pulumi stack change-secrets-provider default",
      "One operator, with a passphrase that is kept safe:  postgres-fleet:state: file",
      "docs/production.md has the steps.",
    ];
  return [
    `S3 + KMS:      pulumi login 's3://BUCKET?region=REGION' && pulumi stack init STACK ${STACK_ON_AWS}`,
    "Pulumi Cloud:  pulumi login && pulumi stack init ORGANIZATION/STACK",
    "A stack that is in use moves with pulumi stack export and pulumi stack import.",
    "One operator, and a folder that is backed up:  postgres-fleet:state: file",
    "PULUMI_BACKEND_URL wins over Pulumi.yaml, and that over pulumi login. docs/production.md has the steps.",
  ];
}
