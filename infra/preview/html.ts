/** A comparison as one page that needs nothing else: no scripts, no other files. */

import type { Compared } from "./compare.ts";
import type { Comparison, FileComparison, Filled, HostComparison, ParameterComparison } from "./types.ts";
import {
  baseProblemLines,
  budgetText,
  count,
  fileText,
  HEAD_PROBLEM,
  headline,
  list,
  percent,
  plusMinus,
  poolText,
  stallText,
} from "./words.ts";

export interface HtmlOptions {
  base: string;
  head: string;
  notes?: readonly string[];
  against?: readonly string[];
}

export function html(stacks: readonly Compared[], { base, head, notes = [], against = [] }: HtmlOptions): string {
  const index =
    stacks.length > 1
      ? `<ul>${stacks.map(({ comparison: c }) => `<li><a href="#${id(c)}">${esc(c.stack)}</a>: ${esc(headline(c))}</li>`).join("")}</ul>`
      : "";
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>PostgreSQL fleet: what this changes</title>
<style>${STYLE}</style></head><body>
<h1>PostgreSQL fleet: what this changes</h1>
<p><code>${esc(base)}</code> → <code>${esc(head)}</code></p>
${notes.map((note) => `<p class="warn">${esc(note)}</p>`).join("\n")}
${box("bad", "Against the policy of this repository", against)}
${index}
${stacks.map(stackHtml).join("\n")}
</body></html>
`;
}

function stackHtml({ comparison, groups }: Compared): string {
  const { stack, headProblem, baseProblem, plan, warnings, facts, hosts, services, removed, unchangedHosts } =
    comparison;
  const byName = new Map(hosts.map((host) => [host.name, host]));
  const [baseTitle, baseLines] = baseProblemLines(comparison);
  const parts = [
    `<h2 id="${id(comparison)}">${esc(stack)}: ${esc(headline(comparison))}</h2>`,
    headProblem === null ? "" : `<p class="bad">${HEAD_PROBLEM}:</p><pre>${esc(headProblem)}</pre>`,
    baseProblem === null ? "" : `<p class="warn">${esc(baseTitle)}</p><pre>${esc(baseLines.join("\n"))}</pre>`,
    box("bad", "<code>up</code> would refuse this", plan.problems),
    box("warn", "Warnings", warnings),
    box("", "Declared", facts),
    hosts.length > 0 ? table(comparison) : "",
    unchangedHosts.length > 0 && hosts.length > 0 ? `<p class="dim">Not changed: ${esc(list(unchangedHosts))}</p>` : "",
    memory(comparison),
    steps(comparison),
    box("", "Other services", services),
    box("warn", "Left for later", plan.pending),
    box("bad", "Removed", removed),
    ...groups.map((group) => hostHtml(group.map((name) => byName.get(name)!))),
  ];
  return `<section>${parts.filter((part) => part !== "").join("\n")}</section>`;
}

const box = (kind: string, title: string, lines: readonly string[]): string =>
  lines.length === 0
    ? ""
    : `<div class="box ${kind}"><h3>${title}</h3><ul>${lines.map((line) => `<li>${esc(line)}</li>`).join("")}</ul></div>`;

function table({ hosts }: Comparison): string {
  const rows = hosts.map((host) => {
    const renamed = host.renamedFrom ? ` <span class="dim">renamed from ${esc(host.renamedFrom)}</span>` : "";
    return `<tr><td>${esc(host.name)}${renamed}</td><td>${esc(host.role)}</td><td class="n">${host.files.length}</td><td class="n">${plusMinus(total(host))}</td><td><b class="${host.effect.replaceAll(" ", "-")}">${host.effect}</b></td></tr>`;
  });
  return `<table><tr><th>Host</th><th>Role</th><th>Files</th><th>Lines</th><th>Needs</th></tr>${rows.join("")}</table>`;
}

function memory({ budgets, pools }: Comparison): string {
  const meter = (budget: Filled | null): string =>
    budget ? `<meter min="0" max="100" high="95" value="${percent(budget)}"></meter>` : "";
  const rows = budgets.map(
    (budget) =>
      `<tr><td>${esc(budget.host)}</td><td>${meter(budget.before)} ${meter(budget.after)}</td><td>${esc(budgetText(budget))}</td></tr>`,
  );
  return [
    rows.length > 0 ? `<h3>Memory budget</h3><table>${rows.join("")}</table>` : "",
    pools ? `<h3>Connections to one server</h3><p>${esc(poolText(pools))}</p>` : "",
  ].join("");
}

function steps({ plan }: Comparison): string {
  if (plan.steps.length === 0) return "";
  const items = plan.steps.map(({ text, stallSeconds }) => {
    const stall = stallText(stallSeconds);
    return `<li>${esc(text)}${stall ? ` <span class="dim">${esc(stall)}</span>` : ""}</li>`;
  });
  return `<details open><summary><h3>What <code>up</code> does: ${count(items.length, "step")} in this order</h3></summary><ol>${items.join("\n")}</ol></details>`;
}

function hostHtml(group: HostComparison[]): string {
  const host = group[0]!;
  const shown =
    group.length > 1
      ? `<p class="dim">The same on ${count(group.length, "host")}, shown for ${esc(host.name)}: ${esc(group.map(({ name }) => name).join(", "))}</p>`
      : "";
  const renamed = host.renamedFrom
    ? `<p>Renamed from ${esc(host.renamedFrom)}${host.files.length === 0 ? "; the content of its files is unchanged" : ""}.</p>`
    : "";
  const summary = `${esc(list(group.map(({ name }) => name)))}: ${host.change === "changed" ? "" : `${host.change}, `}${count(host.files.length, "file")} ${plusMinus(total(host))}, ${host.effect}`;
  return `<details><summary><b>${summary}</b></summary>${shown}${renamed}${parameters(host.parameters)}${host.files.map(fileHtml).join("\n")}</details>`;
}

function parameters(all: ParameterComparison[]): string {
  if (all.length === 0) return "";
  const value = (text: string | null): string => (text === null ? "<i>not set</i>" : `<code>${esc(text)}</code>`);
  const rows = all.map(
    ({ name, before, after, class: needs, cause, reason }) =>
      `<tr><td><code>${esc(name)}</code></td><td>${value(before)}</td><td>${value(after)}</td><td>${needs}</td><td>${esc(reason ? `${cause}: ${reason}` : cause)}</td></tr>`,
  );
  return `<table><tr><th>Parameter</th><th>Before</th><th>After</th><th>Needs</th><th>Why</th></tr>${rows.join("")}</table>`;
}

function fileHtml(file: FileComparison): string {
  const head = `<h4>${esc(file.path)} <span class="dim">${fileText(file)}</span></h4>`;
  if (file.diff === "") return head;
  const lines = file.diff
    .trimEnd()
    .split("\n")
    .map((line) => `<span class="${lineClass(line)}">${esc(line)}</span>`);
  return `${head}<pre>${lines.join("\n")}</pre>`;
}

function lineClass(line: string): string {
  if (/^(---|\+\+\+) /.test(line)) return "f";
  return line.startsWith("@@") ? "h" : line.startsWith("+") ? "a" : line.startsWith("-") ? "d" : "c";
}

const total = (host: HostComparison): { additions: number; deletions: number } => ({
  additions: host.files.reduce((sum, file) => sum + file.additions, 0),
  deletions: host.files.reduce((sum, file) => sum + file.deletions, 0),
});

const id = ({ stack }: Comparison): string => `stack-${encodeURIComponent(stack)}`;

const esc = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");

const STYLE = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}
h2{border-bottom:1px solid #8886;padding-bottom:.3rem}h3{margin:.8rem 0 .3rem;font-size:1rem}summary h3{display:inline}
table{border-collapse:collapse;margin:.5rem 0}td,th{border:1px solid #8884;padding:.2rem .6rem;text-align:left;vertical-align:top}td.n{text-align:right}
pre{overflow:auto;background:#8881;padding:.6rem;border-radius:4px;line-height:1.35}code,pre{font-family:ui-monospace,monospace;font-size:13px}
.a{background:#2a52;color:#1a7f37}.d{background:#c332;color:#cf222e}.h{color:#57a}.f{font-weight:600}.dim{color:#888;font-weight:normal}
.box{border-left:4px solid #57a;padding:0 1rem;margin:.8rem 0}.warn{border-color:#d4a017}.bad{border-color:#cf222e}p.warn,p.bad{border-left:4px solid;padding-left:1rem}
details{margin:.5rem 0}summary{cursor:pointer}.restart,.ordered-restart,.removed,.refused{color:#cf222e}.clone,.new,.restart-pending{color:#b07d00}
@media (prefers-color-scheme:dark){.a{color:#5c6}.d{color:#f77}}`;
