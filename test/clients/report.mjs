/** What a client's run found out, as the last line of its output. */

export function report(found) {
  console.log(JSON.stringify(found));
}

/** The error's message, or "none". */
export async function failure(work) {
  try {
    await work();
    return "none";
  } catch (error) {
    return String(error.message ?? error);
  }
}

/** Asks until the answer is right: a replica may be a moment behind. */
export async function until(right, limitMs = 30_000) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const answer = await right();
    if (answer || Date.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
