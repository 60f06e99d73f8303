import { Bar } from './bar';

/** A drawing of what the page does: a photo, the heat over it, the answer. */
export function Demo() {
  return (
    <div class="demo" aria-hidden="true">
      <div class="demo-photo">
        <Dog />
        <div class="demo-heat" />
        <div class="demo-edge" />
      </div>
      <div class="demo-answer">
        <p>Beagle, 93&#8239;%</p>
        <Bar probability={0.93} />
        <p class="demo-legend">
          less <span /> more
        </p>
      </div>
    </div>
  );
}

function Dog() {
  return (
    <svg viewBox="0 0 320 320">
      <path class="sky" d="M0 0h320v320H0z" />
      <circle class="sun" cx="262" cy="62" r="30" />
      <path class="far" d="M0 232q80-42 170-10t150-18v116H0z" />
      <path class="near" d="M0 268q110-38 320-2v54H0z" />
      <path class="coat" d="M88 320c0-70 30-102 72-102s72 32 72 102z" />
      <path class="white" d="M120 320c0-60 14-96 40-96s40 36 40 96z" />
      <path
        class="coat"
        d="M160 62c48 0 74 34 72 84-1 46-32 88-72 88s-71-42-72-88c-2-50 24-84 72-84z"
      />
      <path
        class="white"
        d="M160 62c10 0 17 26 16 56 24 20 30 56 22 80-8 24-24 36-38 36s-30-12-38-36c-8-24-2-60 22-80-1-30 6-56 16-56z"
      />
      <path
        class="ear"
        d="M104 80c-40-8-58 50-48 108 8 34 38 26 44-10 4-30-4-66 4-98z"
      />
      <path
        class="ear"
        d="M216 80c40-8 58 50 48 108-8 34-38 26-44-10-4-30 4-66-4-98z"
      />
      <path class="tongue" d="M148 208q12 6 24 0 3 30-12 30t-12-30z" />
      <path class="dark" d="M140 170q20-12 40 0 0 20-20 26-20-6-20-26z" />
      <circle class="dark" cx="126" cy="140" r="9.500" />
      <circle class="dark" cx="194" cy="140" r="9.500" />
      <circle class="white" cx="129" cy="137" r="3" />
      <circle class="white" cx="197" cy="137" r="3" />
      <path class="mouth" d="M160 196v10q-12 12-26 2M160 206q12 12 26 2" />
    </svg>
  );
}
