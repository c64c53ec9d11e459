/** Results of a pure function of a text, up to a number; then it begins anew. */

const MOST = 10_000;

export class Memo<T> {
  readonly #known = new Map<string, T>();

  get(text: string, make: () => T): T {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const made = make();
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(text, made);
    return made;
  }
}
