const PATHS = {
  plus: 'M12 5v14M5 12h14',
  cross: 'M6 6l12 12M18 6L6 18',
  save: 'M12 4v11M7 10l5 5 5-5M5 20h14',
  eye: 'M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7zM12 9a3 3 0 100 6 3 3 0 000-6z',
  closer:
    'M10.5 4a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM15.2 15.2L21 21M7.5 10.5h6M10.5 7.5v6',
  wider:
    'M10.5 4a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM15.2 15.2L21 21M7.5 10.5h6',
  enlarge: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  shrink: 'M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5',
  before: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
  compare: 'M3 5h8v14H3zM13 5h8v14h-8z',
  camera: 'M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.5 3.5 0 100 7 3.5 3.5 0 000-7z',
  lock: 'M6 11h12v9H6zM8 11V8a4 4 0 018 0v3',
  warning: 'M12 4l9 16H3zM12 10v4M12 17v.01',
};

/** A line drawing beside words; it says nothing that they do not. */
export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
