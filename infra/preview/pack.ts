/**
 * Plain data as JSON that says each thing once. Of a large fleet most is the same on every host: written out, the plan
 * of 1,000 hosts has 20 MB, packed 1.
 */

/** Text, true, false, null: themselves. A number stands in an array of its own. Otherwise the place in `nodes`. */
type Packed = string | boolean | null | [number] | number;

/** A list of names makes an object of the values, in that order; -1 makes an array. A node only names earlier ones. */
type Node = [names: number, ...values: Packed[]];

export interface PackedData {
  names: string[][];
  nodes: Node[];
  root: Packed;
}

/** @param data what JSON can hold, without cycles; as there, undefined is left out. Objects that are shared are read once. */
export function pack(data: unknown): PackedData {
  const nodes: Node[] = [];
  const nodeAt = new Map<string, number>();
  const packed = new Map<object, number>();
  const names: string[][] = [];
  const namesAt = new Map<string, number>();

  const once = <T>(known: Map<string, number>, all: T[], key: string, value: T): number => {
    let at = known.get(key);
    if (at === undefined) {
      at = all.push(value) - 1;
      known.set(key, at);
    }
    return at;
  };
  // Loops instead of lists of lists: a server has 300 settings, and each is looked at.
  const nodeOf = (value: object): Node => {
    const node: Node = [-1];
    if (Array.isArray(value)) for (const item of value) node.push(of(item ?? null));
    else {
      const keys: string[] = [];
      for (const key of Object.keys(value)) {
        const item = (value as Record<string, unknown>)[key];
        if (item === undefined) continue;
        keys.push(key);
        node.push(of(item));
      }
      node[0] = once(namesAt, names, JSON.stringify(keys), keys);
    }
    return node;
  };
  const of = (value: unknown): Packed => {
    if (typeof value === "number") return [value];
    if (typeof value !== "object" || value === null) return value as Packed;
    let at = packed.get(value);
    if (at === undefined) {
      const node = nodeOf(value);
      at = once(nodeAt, nodes, JSON.stringify(node), node);
      packed.set(value, at);
    }
    return at;
  };
  return { root: of(data), names, nodes };
}

/** What was packed; equal parts are the same object, so they are not to be changed. */
export function unpack({ names, nodes, root }: PackedData): unknown {
  const made: unknown[] = [];
  const of = (value: Packed): unknown =>
    typeof value === "number" ? made[value] : Array.isArray(value) ? value[0] : value;
  for (const node of nodes) {
    const keys = names[node[0]];
    if (!keys) made.push(node.slice(1).map((value) => of(value as Packed)));
    else {
      const object: Record<string, unknown> = {};
      keys.forEach((key, i) => {
        object[key] = of(node[i + 1]!);
      });
      made.push(object);
    }
  }
  return of(root);
}
