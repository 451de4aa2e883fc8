// The box of one's own proxy: set its limit, change it, take it back. Nobody else sees it.

import { NO_AMOUNT, amountOf, freshKey, persist, problemOf } from "./sending.js";

const $ = (id) => document.getElementById(id);

export class ProxyBox {
  constructor(path, lot, signedOut) {
    this.address = `${path}/proxy?lot_id=${lot}`;
    this.signedOut = signedOut;
    this.gone = false;
    $("proxy-limit").value = "";
    this.tell("");
    $("proxy-form").onsubmit = (event) => {
      event.preventDefault();
      this.set();
    };
    $("proxy-off").onclick = () => this.send("DELETE", null, "The auction does not bid for you any more.");
  }

  /** Show the box to who may bid where the terms have proxies and the clock runs. */
  show(offered, currency, own) {
    $("proxy-form").hidden = !offered;
    $("proxy-currency").textContent = currency;
    $("proxy-off").hidden = !own;
    $("proxy-set").textContent = own ? "Change the limit" : "Bid for me";
  }

  async set() {
    const amount = amountOf($("proxy-limit").value);
    if (amount === null) return this.tell(NO_AMOUNT, true);
    const currency = $("proxy-currency").textContent;
    await this.send("PUT", { limit: { amount, currency } }, `The auction bids for you down to ${amount} ${currency}.`);
  }

  async send(method, body, done) {
    $("proxy-set").disabled = $("proxy-off").disabled = true;
    this.tell("Sending …");
    try {
      const waiting = () => this.tell("No answer yet; the same is sent again. It counts once.");
      const answer = await persist(method, this.address, body, freshKey(), waiting);
      if (answer?.status === 401) return this.signedOut();
      if (!answer) return this.tell("It is unknown whether this was taken. Your proxy's limit will tell.", true);
      if (!answer.ok) return this.tell(await problemOf(answer), true);
      if (this.gone) return;
      $("proxy-limit").value = "";
      this.tell(done);
    } finally {
      if (!this.gone) $("proxy-set").disabled = $("proxy-off").disabled = false;
    }
  }

  /** Say nothing any more: the boxes are another lot's from now on. */
  leave() {
    this.gone = true;
    $("proxy-set").disabled = $("proxy-off").disabled = false;
  }

  tell(words, refused = false) {
    if (this.gone) return;
    $("proxy-result").textContent = refused ? "" : words;
    $("proxy-error").textContent = refused ? words : "";
    $("proxy-limit").setAttribute("aria-invalid", String(refused));
  }
}
