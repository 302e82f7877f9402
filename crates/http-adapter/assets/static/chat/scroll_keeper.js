// Keeps a scroller at its end while the user is there, and at the user's position otherwise.

const NEAR_END_PX = 48;

export class ScrollKeeper {
  #scroller;
  #atEnd = true;

  /** `content` is the element that grows; `onReachEnd` is called when the user scrolls to the end. */
  constructor(scroller, content, onReachEnd) {
    this.#scroller = scroller;
    scroller.addEventListener(
      "scroll",
      () => {
        const wasAtEnd = this.#atEnd;
        this.#atEnd = this.#distance < NEAR_END_PX;
        if (this.#atEnd && !wasAtEnd) onReachEnd();
      },
      { passive: true },
    );
    // Also for changes without an event: rotation, the phone's keyboard, rows measured late.
    const observer = new ResizeObserver(() => {
      if (this.#atEnd) this.toEnd();
    });
    observer.observe(scroller);
    observer.observe(content);
  }

  get isAtEnd() {
    return this.#atEnd;
  }

  toEnd() {
    this.#atEnd = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  get #distance() {
    return this.#scroller.scrollHeight - this.#scroller.clientHeight - this.#scroller.scrollTop;
  }
}
