module github.com/basiq-go/basiq-go/wrapper/fleet

go 1.26.0

require github.com/basiq-go/basiq-go v0.0.0

replace github.com/basiq-go/basiq-go => ../..
