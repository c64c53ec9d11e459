import { createPrivateKey, X509Certificate } from "node:crypto";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { CertificateInputs, CertificateOutputs } from "../../infra/resources.ts";
import { certificate } from "../../provider/resources/certificate.ts";
import { certificateAuthority } from "../../provider/resources/certificate-authority.ts";
import { givenProblems } from "../../provider/tls/inspect.ts";
import { type Issued, issueCertificate, makeAuthority } from "../../provider/tls/issue.ts";
import { type Context, UNKNOWN } from "../../provider/types.ts";

const DAY_MS = 86_400_000;
const warnings: string[] = [];
const context: Context = {
  urn: "",
  signal: new AbortController().signal,
  log: (_severity, message) => void warnings.push(message),
  status: () => {},
};
const lasts = (pem: string): number => {
  const { validFrom, validTo } = new X509Certificate(pem);
  return (Date.parse(validTo) - Date.parse(validFrom)) / DAY_MS;
};

let first: Issued;
let second: Issued;
let own: Issued;
beforeAll(async () => {
  first = await makeAuthority("shop authority 1");
  second = await makeAuthority("shop authority 2");
  own = await issueCertificate(first, { host: "db1", addresses: ["127.0.10.1"], days: 90 });
});
afterEach(() => {
  vi.useRealTimers();
});

const inputs = (changes: Partial<CertificateInputs> = {}): CertificateInputs => ({
  host: "db1",
  addresses: ["127.0.10.1"],
  authority: { ...first, bundle: first.certificate },
  validDays: 90,
  renew: 1,
  ...changes,
});
const made = async (news = inputs()): Promise<CertificateOutputs> => (await certificate.create(news, context)).outputs;
const changed = (olds: CertificateOutputs, news: CertificateInputs): string[] =>
  Object.keys(certificate.diff(olds, news, news, () => {}).detailed);

describe("a certificate of a host", () => {
  test("is for its name and address, by the authority, and for a server only", async () => {
    const { certificate: pem, key, notAfter } = await made();
    const parsed = new X509Certificate(pem);
    expect(parsed.checkHost("db1")).toBe("db1");
    expect(parsed.checkIP("127.0.10.1")).toBe("127.0.10.1");
    expect(parsed.checkHost("db2")).toBeUndefined();
    expect(parsed.checkIP("127.0.10.2")).toBeUndefined();
    expect(parsed.verify(new X509Certificate(first.certificate).publicKey)).toBe(true);
    expect(parsed.verify(new X509Certificate(second.certificate).publicKey)).toBe(false);
    expect(parsed.ca).toBe(false);
    expect(parsed.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(parsed.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(parsed.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    expect(lasts(pem)).toBe(90);
    expect(Date.parse(notAfter)).toBe(Date.parse(parsed.validTo));
  });

  test("two never share a key or a serial number", async () => {
    const [one, two] = [await made(), await made()];
    expect(one.key).not.toBe(two.key);
    expect(new X509Certificate(one.certificate).serialNumber).not.toBe(
      new X509Certificate(two.certificate).serialNumber,
    );
  });

  test("IPv6 and several addresses", async () => {
    const { certificate: pem } = await made(inputs({ addresses: ["10.0.0.1", "fd00:20::1"] }));
    const parsed = new X509Certificate(pem);
    expect(parsed.checkIP("10.0.0.1")).toBeDefined();
    expect(parsed.checkIP("fd00:20::1")).toBeDefined();
  });

  test("the authority's key is in no message", async () => {
    const broken = { certificate: "no certificate", key: first.key };
    const failure = await issueCertificate(broken, { host: "db1", addresses: [], days: 9 }).catch(String);
    expect(failure).toMatch(/^Error: the authority.s certificate or key cannot be read/);
    for (const line of first.key.split("\n").slice(1, -1)) expect(failure).not.toContain(line);
  });
});

describe("renewal", () => {
  const later = async (days: number) => {
    const olds = await made();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + days * DAY_MS });
    return olds;
  };

  test("not before two thirds of its life are over", async () => {
    expect(changed(await later(59), inputs())).toEqual([]);
  });

  test("when less than a third is left: a new certificate, a new key, a new version", async () => {
    const olds = await later(61);
    expect(changed(olds, inputs())).toEqual(["notAfter"]);
    const news = await certificate.update("db1", olds, inputs(), context);
    expect(news.version).toBeGreaterThan(olds.version);
    expect(news.certificate).not.toBe(olds.certificate);
    expect(news.key).not.toBe(olds.key);
  });

  test("also when it has ended long ago", async () => {
    expect(changed(await later(1000), inputs())).toEqual(["notAfter"]);
  });

  test.each<[string, Partial<CertificateInputs>]>([
    ["renew is raised", { renew: 2 }],
    ["the address changes", { addresses: ["127.0.10.9"] }],
    ["it should live longer", { validDays: 365 }],
  ])("when %s", async (_what, change) => {
    const olds = await made();
    expect(changed(olds, inputs(change))).not.toEqual([]);
    const news = await certificate.update("db1", olds, inputs(change), context);
    expect(news.certificate).not.toBe(olds.certificate);
    expect(news.version).toBeGreaterThan(olds.version);
  });

  test("one that would outlive its authority ends with it, and says so", async () => {
    warnings.length = 0;
    const { certificate: pem } = await made(inputs({ validDays: 3650 }));
    expect(Date.parse(new X509Certificate(pem).validTo)).toBeLessThanOrEqual(
      Date.parse(new X509Certificate(first.certificate).validTo),
    );
    expect(warnings.join()).toContain("make another one (tls.caVersion");
  });

  test("an authority that has ended signs nothing", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3651 * DAY_MS });
    await expect(made()).rejects.toThrow(/authority ended .*tls\.caVersion/);
  });
});

test("another authority to trust is a new version, not a new certificate", async () => {
  const olds = await made();
  const both = inputs({ authority: { ...first, bundle: `${first.certificate}\n${second.certificate}` } });
  expect(changed(olds, both)).toEqual(["authority.bundle"]);
  const news = await certificate.update("db1", olds, both, context);
  expect(news.version).toBeGreaterThan(olds.version);
  expect([news.certificate, news.key]).toEqual([olds.certificate, olds.key]);
  expect(news.ca).toContain(second.certificate);
});

describe("authorities", () => {
  const input = (signing: number, trusted: number[]) => ({ cluster: "shop", signing, trusted });

  test("one that signs certificates and nothing else, for ten years", async () => {
    const { outputs } = await certificateAuthority.create(input(1, [1]), context);
    const parsed = new X509Certificate(outputs.certificate);
    expect(parsed.ca).toBe(true);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.subject).toBe("CN=shop authority 1");
    expect(lasts(outputs.certificate)).toBe(3650);
    expect(outputs.bundle).toBe(outputs.certificate);
  });

  test("three runs change it, and every host trusts what any host shows at each of them", async () => {
    const one = (await certificateAuthority.create(input(1, [1]), context)).outputs;
    const two = await certificateAuthority.update("shop", one, input(1, [1, 2]), context);
    const three = await certificateAuthority.update("shop", two, input(2, [1, 2]), context);
    const four = await certificateAuthority.update("shop", three, input(2, [2]), context);
    const runs = [one, two, three, four];
    for (let i = 1; i < runs.length; i++)
      for (const [bundle, signer] of [
        [runs[i]!.bundle, runs[i - 1]!.certificate],
        [runs[i - 1]!.bundle, runs[i]!.certificate],
      ])
        expect(bundle).toContain(signer);
    expect(two.certificate).toBe(one.certificate);
    expect(three.certificate).not.toBe(one.certificate);
    expect(four.bundle).toBe(three.certificate);
    expect(Object.keys(four.keys)).toEqual(["2"]);
  });

  test.each<[string, number, number[]]>([
    ["to one that nobody trusts yet", 2, [1, 2]],
    ["all at once", 2, [2]],
  ])("%s: refused, with what to do", async (_what, signing, trusted) => {
    const olds = (await certificateAuthority.create(input(1, [1]), context)).outputs;
    await expect(certificateAuthority.update("shop", olds, input(signing, trusted), context)).rejects.toThrow(
      "caTrusted: [1, 2]",
    );
  });

  test("the old one has to be trusted as long as it signed what is in use", async () => {
    const one = (await certificateAuthority.create(input(1, [1]), context)).outputs;
    const two = await certificateAuthority.update("shop", one, input(1, [1, 2]), context);
    await expect(certificateAuthority.update("shop", two, input(2, [2]), context)).rejects.toThrow(
      "authority 1 has signed the certificates in use",
    );
  });

  test("keys are secret", () => {
    expect(certificateAuthority.secrets).toEqual(["keys", "key"]);
    expect(certificate.secrets).toEqual(["authority", "given", "key"]);
  });
});

describe("given certificates", () => {
  const host = { name: "db1", addresses: ["127.0.10.1"] };
  const problems = (changes: Partial<Parameters<typeof givenProblems>[0]>, now = new Date(), at = host): string[] =>
    givenProblems({ ca: first.certificate, ...own, ...changes }, at, now).map(
      ({ part, reason }) => `${part} ${reason}`,
    );

  test("that fit", () => expect(problems({})).toEqual([]));

  test("for another host, and for another address", () => {
    expect(problems({}, new Date(), { name: "db2", addresses: ["127.0.10.2"] })).toEqual([
      expect.stringMatching(/^certificate is not for host db2: it names DNS:db1, IP Address:127\.0\.10\.1/),
      expect.stringMatching(/^certificate is not for address 127\.0\.10\.2 of host db2/),
    ]);
  });

  test("a key of another certificate", () =>
    expect(problems({ key: second.key })).toEqual([expect.stringContaining("key is the key of another certificate")]));

  test("a key that is none is not shown", () => {
    const [problem, ...more] = problems({ key: "topsecret" });
    expect(more).toEqual([]);
    expect(problem).toBe("key cannot be read: it must be a private key as PEM, without a passphrase");
  });

  test("an authority that did not sign it", () =>
    expect(problems({ ca: second.certificate })).toEqual([
      expect.stringMatching(/^certificate is signed by CN=shop authority 1, which is not among .*shop authority 2/),
    ]));

  test("one of two authorities is enough", () =>
    expect(problems({ ca: `${second.certificate}\n${first.certificate}` })).toEqual([]));

  test("an authority that is none", () =>
    expect(problems({ ca: own.certificate })).toContainEqual(
      expect.stringContaining("ca CN=db1 is no certificate authority"),
    ));

  test("all that has ended is named", () =>
    expect(problems({}, new Date(Date.now() + 4000 * DAY_MS))).toEqual([
      expect.stringMatching(/^ca CN=shop authority 1 ended 20/),
      expect.stringMatching(/^certificate CN=db1 ended 20/),
    ]));

  test("not yet valid", () =>
    expect(problems({}, new Date(Date.now() - DAY_MS))).toEqual([
      expect.stringContaining("ca CN=shop authority 1 is valid from"),
      expect.stringContaining("certificate CN=db1 is valid from"),
    ]));

  test("text that holds none", () =>
    expect(problems({ certificate: "hello" })).toEqual([expect.stringContaining("certificate holds no certificate")]));

  test("are checked before anything is made, and not while they are unknown", () => {
    const given = { ca: first.certificate, ...own };
    const { authority: _, ...rest } = inputs({ given });
    expect(certificate.check!(rest)).toEqual([]);
    expect(certificate.check!({ ...rest, host: "db2" })).toEqual([
      { property: "given.certificate", reason: expect.stringContaining("tls.certificate is not for host db2") },
    ]);
    expect(certificate.check!({ ...rest, given: UNKNOWN as never })).toEqual([]);
  });

  test("are never renewed by the project", async () => {
    const { authority: _, ...news } = inputs({ given: { ca: first.certificate, ...own } });
    const { outputs } = await certificate.create(news, context);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 80 * DAY_MS });
    expect(changed(outputs, news)).toEqual([]);
  });
});
