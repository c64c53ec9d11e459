/** IPv4 addresses and CIDR networks, as text, checked as the servers would read them. */

import { isIPv4, isIPv6 } from "node:net";
import type { Platform } from "./spec.ts";

/** What is wrong with a host's address, or undefined. Platform undefined: only what holds everywhere. */
export function addressProblem(address: string, platform: Platform | undefined): string | undefined {
  const shown = JSON.stringify(address);
  if (isIPv6(address)) return `${shown} is an IPv6 address; a host's address is IPv4, e.g. "10.20.0.11".`;
  if (address.includes("/")) return `${shown} is a network; a host's address has no "/", e.g. "10.20.0.11".`;
  if (!isIPv4(address)) {
    return `${shown} is not an IPv4 address. Write four numbers from 0 to 255 without leading zeros, e.g. "10.20.0.11"; names are not resolved.`;
  }
  const first = Number(address.split(".")[0]);
  if (platform === "local") {
    if (address === "127.0.0.1") {
      return `127.0.0.1 is this machine's own address, and each host needs one of its own so that all can listen on the same ports. Use another of 127.0.0.0/8, e.g. "127.0.10.1".`;
    }
    if (first !== 127 || address === "127.0.0.0" || address === "127.255.255.255") {
      return `${shown} is not a loopback address. On platform local every host is an address of 127.0.0.0/8 other than 127.0.0.1, e.g. "127.0.10.1".`;
    }
    return undefined;
  }
  if (platform !== undefined && first === 127) {
    return `${shown} is a loopback address: on platform ${platform} the hosts could not reach each other. Use the host's address in its network, e.g. "10.20.0.11".`;
  }
  if (first === 0 || first >= 224)
    return `${shown} is not the address of a host (reserved or multicast). Use e.g. "10.20.0.11".`;
  return undefined;
}

/** What is wrong with a CIDR network (v4 or v6), or undefined. */
export function networkProblem(text: string): string | undefined {
  const shown = JSON.stringify(text);
  const [address = "", prefixText, ...rest] = text.split("/");
  const bits = isIPv4(address) ? 32 : isIPv6(address) && !address.includes("%") ? 128 : undefined;
  if (bits === undefined || rest.length > 0) {
    return `${shown} is not a network. Write an IPv4 or IPv6 network with its prefix length, e.g. "10.20.0.0/16" or "fd00:20::/64".`;
  }
  if (prefixText === undefined)
    return `${shown} has no prefix length: write "${address}/${bits}" for this one address, or the network it is in, e.g. "10.20.0.0/16".`;
  if (!/^(0|[1-9]\d{0,2})$/.test(prefixText) || Number(prefixText) > bits) {
    return `${shown} has a prefix length that does not exist; for ${bits === 32 ? "IPv4" : "IPv6"} it is a number from 1 to ${bits}.`;
  }
  const prefix = Number(prefixText);
  if (prefix === 0)
    return `${shown} is everyone. Name the networks that applications connect from, e.g. "10.20.0.0/16".`;
  const value = bits === 32 ? ipv4Value(address) : ipv6Value(address);
  const network = (value >> BigInt(bits - prefix)) << BigInt(bits - prefix);
  if (network !== value) {
    const right = bits === 32 ? `${ipv4Text(network)}/${prefix}` : undefined;
    return `${shown} has bits set to the right of its prefix: write ${right === undefined ? "the network's first address" : `"${right}" for the network`}, or "${address}/${bits}" for this one address.`;
  }
  return undefined;
}

/** The network in one spelling, so that equal networks are equal text. Call only with a valid one. */
export function networkKey(text: string): string {
  const [address = "", prefix = ""] = text.split("/");
  return `${isIPv4(address) ? `4:${ipv4Value(address)}` : `6:${ipv6Value(address)}`}/${prefix}`;
}

function ipv4Value(address: string): bigint {
  return address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

function ipv4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
}

function ipv6Value(address: string): bigint {
  const hex = address.replace(/[\d.]+$/, (tail) => {
    if (!tail.includes(".")) return tail;
    const v4 = ipv4Value(tail);
    return `${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`;
  });
  const [head = "", tail] = hex.split("::");
  const groups = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const middle = tail === undefined ? [] : new Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...middle, ...right].reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}
