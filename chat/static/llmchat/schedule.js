/** Work that belongs to the next frame, or, where no frames are drawn, to soon. */

const HIDDEN_DELAY = 250;

/**
 * A function that runs `work` once per frame, however often it is called in between. Hidden tabs draw
 * no frames: a timer stands in.
 *
 * @param {() => void} work
 */
export function perFrame(work) {
  let frame = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const run = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    timer = undefined;
    work();
  };
  return () => {
    if (timer !== undefined) return;
    frame = requestAnimationFrame(run);
    timer = setTimeout(run, HIDDEN_DELAY);
  };
}
