package local

import (
	"os/exec"
	"syscall"
)

// tie lets a daemon end with this process, however it ends, and keeps a Ctrl-C
// in this terminal from reaching it twice.
func tie(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
