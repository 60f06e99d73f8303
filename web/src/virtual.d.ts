declare module 'virtual:notices' {
  const text: string;
  export default text;
}

declare module 'virtual:worker' {
  const script: string;
  export default script;
}
