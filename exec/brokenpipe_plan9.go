package exec

func isBrokenPipe(err error) bool { return err.Error() == "i/o on hungup channel" }
