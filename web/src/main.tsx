import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/welcome.css';
import './styles/photos.css';
import './styles/camera.css';
import './styles/breeds.css';
import './styles/how.css';
import './styles/compare.css';
import './styles/trust.css';
import './styles/enlarge.css';
import './styles/about.css';
import './styles/teach.css';
import './styles/print.css';

import { render } from 'preact';
import { makeApi } from './api';
import { startNetwork, whenFallenBack } from './backend/network';
import { App } from './components/app';
import { askBeforeLeaving } from './leave';
import { resumeModel } from './models/models';
import { changeModel } from './photos/photos';
import { rehearse } from './photos/rehearsal';
import { rememberSettings } from './settings';

startNetwork(); // workers take their time to start
render(<App />, document.getElementById('app')!);
rememberSettings();
askBeforeLeaving();
whenFallenBack(() => void changeModel(async () => true));
void changeModel(resumeModel).then(rehearse);
window.gradcam = makeApi();
