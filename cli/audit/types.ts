/** What an audit looks at, as the servers answer it, and what it finds. */

export interface AuditFacts {
  roles: RoleFacts[];
  databases: DatabaseFacts[];
  members: MemberFacts[];
}

export interface RoleFacts {
  name: string;
  login: boolean;
  superuser: boolean;
  connectionLimit: number;
  /** Kind of the stored verifier; never the verifier. */
  password: "scram" | "md5" | "other" | "none";
}

export interface DatabaseFacts {
  name: string;
  /** Privileges of PUBLIC on schema public. */
  publicSchema: string[];
  /** PUBLIC may make temporary tables or connect. */
  publicDatabase: string[];
  /** `schema.function(arguments)` of SECURITY DEFINER functions without a search_path of their own. */
  definerFunctions: { name: string; owner: string }[];
}

/** A server; also a host whose pooler has a certificate. */
export interface MemberFacts {
  name: string;
  hba: { line: number; type: string; databases: string[]; users: string[]; address: string; method: string }[];
  certificates: { file: string; subject: string; notAfter: string }[];
}

export interface Finding {
  rule: string;
  /** Host, database or role it is about. */
  where: string;
  what: string;
  /** What to do. */
  fix: string;
}
