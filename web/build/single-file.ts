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
      html = html.replace('</head>', () => `<style>${styles}</style>\n</head>`);
      html = html.replace(
        '<!-- script -->',
        () => `<script>${inScript(script)}</script>`,
      );
      page.source = html;
    },
  };
}

/** JavaScript that does not end the script element it stands in. */
function inScript(code: string): string {
  return code.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--');
}
