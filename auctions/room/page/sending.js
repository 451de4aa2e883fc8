// Sending what counts once: the same request goes again under the same key until it is answered.

const RETRY_MS = [300, 700, 1_500, 3_000];

export const freshKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

/** Give the server's answer, or null where it stays unknown whether it was taken. */
export async function persist(method, address, body, key, waiting) {
  for (let attempt = 0; ; attempt++) {
    const answer = await fetch(address, {
      method,
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: body && JSON.stringify(body),
    }).catch(() => null);
    if (answer && answer.status < 500) return answer;
    if (attempt === RETRY_MS.length) return null;
    waiting();
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS[attempt]));
  }
}

/** Give what a refusal says. */
export async function problemOf(answer) {
  try {
    const problem = await answer.json();
    return problem.errors?.[0]?.detail ?? problem.detail;
  } catch {
    return `The server answers ${answer.status}.`;
  }
}

/** A comma is taken for the decimal point only where it can be nothing else. */
export function amountOf(text) {
  const plain = text.trim().replace(/^(\d+),(\d{1,2})$/, "$1.$2");
  return /^\d+(\.\d+)?$/.test(plain) ? plain : null;
}

export const NO_AMOUNT = "Write the amount with digits and at most one point, such as 1234.50.";
