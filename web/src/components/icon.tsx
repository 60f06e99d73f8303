const PATHS = {
  plus: 'M12 5v14M5 12h14',
  cross: 'M6 6l12 12M18 6L6 18',
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01',
  numbers: 'M8 4H6v6l-2 2 2 2v6h2M16 4h2v6l2 2-2 2v6h-2M12 9v.01M12 15v.01',
  eye: 'M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7zM12 9a3 3 0 100 6 3 3 0 000-6z',
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
