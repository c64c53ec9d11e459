/** XML-RPC over a unix socket: what supervisord speaks. Values are strings, integers, booleans and lists. */

import * as http from "node:http";
import { XMLParser } from "fast-xml-parser";

export type RpcValue = string | number | boolean | RpcValue[] | { [key: string]: RpcValue };

export class RpcFault extends Error {
  readonly code: number;
  constructor(method: string, code: number, message: string) {
    super(`${method}: ${message}`);
    this.code = code;
  }
}

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  isArray: (name, jpath) =>
    name === "member" || name === "param" || (name === "value" && String(jpath).endsWith("data.value")),
});

/** Calls one method. Rejects with RpcFault for the server's own errors, ENOENT or ECONNREFUSED when none listens. */
export async function callRpc(
  socketPath: string,
  method: string,
  params: (string | number | boolean)[],
  signal: AbortSignal,
): Promise<RpcValue> {
  const body = `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params>${params
    .map((p) => `<param><value>${encode(p)}</value></param>`)
    .join("")}</params></methodCall>`;
  const text = await post(socketPath, body, signal);
  const response = parser.parse(text).methodResponse;
  if (response?.fault) {
    const fault = decode(response.fault.value) as { faultCode: number; faultString: string };
    throw new RpcFault(method, fault.faultCode, fault.faultString);
  }
  return decode(response?.params?.param?.[0]?.value);
}

function post(socketPath: string, body: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        socketPath,
        path: "/RPC2",
        method: "POST",
        headers: { "content-type": "text/xml", "content-length": Buffer.byteLength(body) },
        signal,
        timeout: 30_000,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () =>
          response.statusCode === 200
            ? resolve(text)
            : reject(new Error(`supervisord answered ${response.statusCode}`)),
        );
      },
    );
    request.on("timeout", () => request.destroy(new Error("supervisord did not answer within 30 s")));
    request.on("error", reject);
    request.end(body);
  });
}

function encode(value: string | number | boolean): string {
  if (typeof value === "number") return `<int>${value}</int>`;
  if (typeof value === "boolean") return `<boolean>${value ? 1 : 0}</boolean>`;
  return `<string>${value.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</string>`;
}

type Node = string | { [tag: string]: unknown };

function decode(node: unknown): RpcValue {
  if (node === undefined || node === "") return "";
  if (typeof node === "string") return node;
  const [tag, inner] = Object.entries(node as { [tag: string]: Node })[0]!;
  switch (tag) {
    case "int":
    case "i4":
      return Number(inner);
    case "boolean":
      return inner === "1";
    case "array": {
      const values = (inner as { data?: { value?: unknown[] } }).data?.value ?? [];
      return values.map(decode);
    }
    case "struct": {
      const members = (inner as { member?: { name: string; value: unknown }[] }).member ?? [];
      return Object.fromEntries(members.map((m) => [m.name, decode(m.value)]));
    }
    default:
      return typeof inner === "string" ? inner : "";
  }
}
