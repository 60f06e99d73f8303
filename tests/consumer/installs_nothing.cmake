# Fails if the consumer's build in BUILD, of which gradcam is a part, installs anything.
file(REMOVE_RECURSE ${PREFIX})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX}
                COMMAND_ERROR_IS_FATAL ANY)
file(GLOB_RECURSE installed ${PREFIX}/*)
if(installed)
  message(FATAL_ERROR "gradcam installs itself with the project that it is a part of: ${installed}")
endif()
