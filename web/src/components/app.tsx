import { useEffect } from 'preact/hooks';
import { network } from '../backend/network';
import { camera, isFresh } from '../camera';
import { inSight } from '../photos/groups';
import { sentence } from '../words/sentence';
import { About } from './about';
import { DropVeil } from './drop-veil';
import { CameraView } from './camera';
import { Groups } from './groups';
import { Header } from './header';
import { News } from './news';
import { PhotoGrid } from './photo-grid';
import { PhotoInput, acceptPaste } from './photo-input';
import { Spoken } from './spoken';
import { Teach } from './teach';
import { OnPaper, Toolbar } from './toolbar';
import { Welcome } from './welcome';

export function App() {
  useEffect(acceptPaste, []);
  const { value } = network;
  const { value: stream } = camera;
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
        {isFresh.value ? (
          <Welcome />
        ) : (
          <>
            <Toolbar />
            {stream instanceof MediaStream && <CameraView stream={stream} />}
            <Groups />
            <OnPaper />
            <PhotoGrid photos={inSight.value} />
          </>
        )}
        <Teach />
        <About />
      </main>
      <DropVeil />
      <Spoken />
    </>
  );
}
