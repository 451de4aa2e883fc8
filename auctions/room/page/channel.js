// The way to the server: the live channel, and polling while that is cut.

const SILENCE_MS = 15_000; // three heartbeats
const POLL_MS = 1_000;
const POLLED_AT_ONCE = 4;
const BACK_MS = [500, 1_000, 2_000, 4_000, 8_000];
const NOT_ALLOWED = 4003;

/** Follows the lots of an auction. `take(message)` gets what came; `tell(state)` "live", "polling" or "away". */
export class Channel {
  constructor(path, lots, { take, tell, signedOut }) {
    Object.assign(this, { path, take, tell, signedOut });
    this.numbers = new Map(lots.map((id) => [id, null])); // the last one seen of each lot
    this.attempts = 0;
    this.turn = 0;
    this.ended = false;
  }

  open() {
    const address = new URL(`${this.path}/live`, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const seen = [...this.numbers.values()];
    if (seen.some((number) => number !== null)) {
      address.searchParams.set("after", seen.map((number) => number ?? "-").join("."));
    }
    const socket = (this.socket = new WebSocket(address));
    socket.onmessage = (event) => {
      this.attempts = 0;
      this.stopPolling();
      this.tell("live");
      this.listen();
      this.receive(JSON.parse(event.data));
    };
    socket.onclose = (event) => this.cut(event.code);
    this.listen();
  }

  close() {
    this.ended = true;
    clearTimeout(this.silence);
    clearTimeout(this.again);
    this.stopPolling();
    this.socket?.close();
  }

  /** Take a silent channel for a cut one. */
  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket.close(), SILENCE_MS);
  }

  cut(code) {
    clearTimeout(this.silence);
    if (this.ended) return;
    if (code === NOT_ALLOWED) return this.signedOut();
    this.startPolling();
    const wait = BACK_MS[Math.min(this.attempts++, BACK_MS.length - 1)];
    this.again = setTimeout(() => this.open(), wait * (0.75 + Math.random() / 2));
  }

  startPolling() {
    if (this.polling) return;
    const ask = async () => {
      await this.poll();
      if (this.polling) this.polling = setTimeout(ask, POLL_MS);
    };
    this.polling = setTimeout(ask, 0);
  }

  stopPolling() {
    clearTimeout(this.polling);
    this.polling = null;
  }

  /** Ask for some lots, in turns: many at once every second would be too much. */
  async poll() {
    const lots = [...this.numbers.keys()];
    const turn = lots.slice(this.turn, this.turn + POLLED_AT_ONCE);
    this.turn = this.turn + POLLED_AT_ONCE < lots.length ? this.turn + POLLED_AT_ONCE : 0;
    try {
      for (const answer of await Promise.all(turn.map((id) => this.ask(id)))) {
        if (answer.status === 401) return this.signedOut();
        if (!answer.ok) throw new Error(answer.statusText);
        const message = await answer.json();
        if (!this.polling) return; // the live channel came back meanwhile
        this.tell("polling");
        this.receive(message);
      }
    } catch {
      if (this.polling) this.tell("away");
    }
  }

  ask(lot) {
    const number = this.numbers.get(lot);
    return fetch(`${this.path}/standing?lot_id=${lot}${number === null ? "" : `&after=${number}`}`);
  }

  receive(message) {
    const lot = message.lot_id;
    if (message.type === "delta" && message.previous !== this.numbers.get(lot)) {
      this.numbers.set(lot, null); // something was missed: come again without a number
      this.socket.close();
      return;
    }
    this.numbers.set(lot, message.type === "snapshot" ? message.standing.number : message.number);
    this.take(message);
  }
}

/** The server's time, from what its messages say: of the last ones that which came fastest. */
export class ServerClock {
  constructor() {
    this.offsets = [];
  }

  hear(serverAt) {
    this.offsets.push(Date.parse(serverAt) - this.local());
    if (this.offsets.length > 12) this.offsets.shift();
  }

  local() {
    return performance.timeOrigin + performance.now(); // does not jump when the clock is set
  }

  now() {
    return this.local() + (this.offsets.length ? Math.max(...this.offsets) : 0);
  }
}

/** Say a time that is left. */
export function duration(ms) {
  const seconds = Math.ceil(ms / 1_000);
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
