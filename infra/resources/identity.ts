/** Passwords and certificates. */

/** Credential: a password made once, or given, with its SCRAM-SHA-256 verifier. */
export interface CredentialInputs {
  /** PostgreSQL role name. */
  role: string;
  /** Given password; absent: generated. Secret. */
  password?: string;
  /** Raise by one to rotate. */
  rotation: number;
}

export interface CredentialOutputs extends CredentialInputs {
  /** Secret. */
  password: string;
  /** `SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>`; secret. */
  verifier: string;
  /** Changes exactly when the password does. */
  version: number;
}

/** CertificateAuthority: the authorities of a cluster, by version; one of them signs, and all are trusted. */
export interface CertificateAuthorityInputs {
  cluster: string;
  /** Version that signs. */
  signing: number;
  /** Versions that the fleet and its clients trust; `signing` is among them. */
  trusted: number[];
}

export interface CertificateAuthorityOutputs extends CertificateAuthorityInputs {
  /** Version → certificate, PEM. */
  certificates: Record<string, string>;
  /** Version → key, PEM; secret. */
  keys: Record<string, string>;
  /** Of the version that signs. */
  certificate: string;
  /** Secret. */
  key: string;
  /** Certificates of all trusted versions, PEM. */
  bundle: string;
}

/** Certificate: what a host shows and trusts; either issued by `authority`, or `given`. */
export interface CertificateInputs {
  /** Host name; DNS name in the certificate. */
  host: string;
  /** IP addresses in the certificate. */
  addresses: string[];
  /** The authority that signs, PEM each; secret. */
  authority?: { certificate: string; key: string; bundle: string };
  /** PEM each; secret. */
  given?: { ca: string; certificate: string; key: string };
  validDays: number;
  /** Raise by one to have it issued anew. */
  renew: number;
}

export interface CertificateOutputs extends CertificateInputs {
  /** Authorities that the host trusts, PEM. */
  ca: string;
  /** PEM. */
  certificate: string;
  /** PEM; secret. */
  key: string;
  /** ISO 8601. */
  notAfter: string;
  /** Changes exactly when one of the three does. */
  version: number;
}
