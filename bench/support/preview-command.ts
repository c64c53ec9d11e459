/** The whole of `pgfleet diff`, in a repository made for it: both renders, git, and the message. Linux: reads /proc. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import * as path from "node:path";
import { Repository } from "../../test/preview/repository.ts";

const STACK = "Pulumi.bench.yaml";
/** The kernel's unit for the times of processes; the same on all its platforms. */
const MS_PER_TICK = 10;

export interface CommandTimes {
  /** Processor time of all processes of the command, in ms. */
  command: number;
  /** Of starting the two programs it consists of, with the same modules: their `--help`. */
  start: number;
}

/** One cluster; `memory` of every server differs between the base and the working tree. */
export class PreviewCommand {
  readonly #repository = new Repository();
  readonly #environment: NodeJS.ProcessEnv;

  /** @param config the stack file with this memory for every server */
  constructor(config: (memory: string) => string) {
    this.#repository.write(STACK, config("32GB"));
    this.#repository.commit();
    this.#repository.write(STACK, config("64GB"));
    // As people run it: with Node's compile cache, which is this repository's own.
    const { NODE_DISABLE_COMPILE_CACHE: _, ...environment } = this.#repository.environment();
    this.#environment = environment;
    this.#diff();
  }

  measure(): CommandTimes {
    return {
      start: cpuMs(() => {
        this.#run("diff", "--help");
        this.#run("render", "--help");
      }),
      command: cpuMs(() => this.#diff()),
    };
  }

  dispose(): void {
    this.#repository.dispose();
  }

  #diff(): void {
    const message = this.#run("diff", "--stack", "bench", "--base", "main", "--format", "markdown");
    if (!message.includes("`shared_buffers`"))
      throw new Error(`not what was to be measured:\n${message.slice(0, 500)}`);
  }

  #run(...words: string[]): string {
    const program = path.join(this.#repository.folder, "cli/pgfleet.js");
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
      encoding: "utf8",
      env: this.#environment,
    });
    if (status !== 0) throw new Error(`pgfleet ${words.join(" ")}: ${stderr}`);
    return stdout;
  }
}

/** Of the processes that ended in between, and of theirs. */
function cpuMs(run: () => void): number {
  const ended = (): number => {
    const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[13]) + Number(fields[14])) * MS_PER_TICK;
  };
  const before = ended();
  run();
  return ended() - before;
}
