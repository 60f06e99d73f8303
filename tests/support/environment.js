// What a WebAssembly program's environment is made of before it runs: node's, for GTEST_... variables.
Module['preRun'] = () => Object.assign(ENV, process.env);
