import type { Plugin } from 'vite';

/**
 * Puts the bundle's script and styles into index.html. The script becomes a classic one at the end
 * of the body: a page opened from file:// may not load module scripts.
 */
export function singleFile(): Plugin {
  return {
    name: 'gradcam:single-file',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const page = bundle['index.html'];
      if (page?.type !== 'asset') this.error('index.html was not built.');
      let html = String(page.source);
      let script = '';
      let styles = '';
      for (const [name, file] of Object.entries(bundle)) {
        if (file.type === 'chunk') script += file.code;
        else if (name.endsWith('.css')) styles += String(file.source);
        else if (file !== page)
          this.error(`${name} cannot be put into the page.`);
        if (file !== page) delete bundle[name];
      }
      html = html
        .replace(/\s*<script type="module"[^>]*><\/script>/, '')
        .replace(/\s*<link rel="stylesheet"[^>]*>/, '');
      // Functions as replacements, because "$" in a replacement string is special.
      html = html.replace(
        '</head>',
        () => `<style>${asciiStyles(styles)}</style>\n</head>`,
      );
      html = html.replace(
        '<!-- script -->',
        () => `<script>${asciiScript(inScript(script))}</script>`,
      );
      if (!isAscii(html)) this.error('index.html has a character to escape.');
      page.source = html;
    },
  };
}

/** JavaScript that does not end the script element it stands in. */
function inScript(code: string): string {
  return code.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--');
}

// One character beyond Latin-1, and browsers hold the whole page, with its model, in two bytes a
// character.

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

function asciiScript(code: string): string {
  return code.replace(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function asciiStyles(css: string): string {
  return css.replace(
    /[^\0-\x7f]/gu,
    (character) =>
      `\\${character.codePointAt(0)!.toString(16).padStart(6, '0')}`,
  );
}
