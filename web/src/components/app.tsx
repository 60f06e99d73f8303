import { useEffect } from 'preact/hooks';
import { network } from '../backend';
import { sentence } from '../describe';
import { shown } from '../groups';
import { photos } from '../photos';
import { About } from './about';
import { DropVeil } from './drop-veil';
import { Groups } from './groups';
import { Header } from './header';
import { News } from './news';
import { PhotoGrid } from './photo-grid';
import { PhotoInput, acceptPaste } from './photo-input';
import { Teach } from './teach';
import { Toolbar } from './toolbar';
import { Welcome } from './welcome';

export function App() {
  useEffect(acceptPaste, []);
  const { value } = network;
  const all = photos.value;
  return (
    <>
      <Header />
      <main>
        <News />
        <PhotoInput />
        {value.state === 'failed' && (
          <p class="page-alert" role="alert">
            {sentence(value.failure.message)}
          </p>
        )}
        {all.length === 0 ? (
          <Welcome />
        ) : (
          <>
            <Toolbar />
            <Groups />
            <PhotoGrid photos={shown.value} />
          </>
        )}
        <Teach />
        <About />
      </main>
      <DropVeil />
    </>
  );
}
