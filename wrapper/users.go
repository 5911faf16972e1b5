package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// User is a person or a business whose bank data the application reads.
	User = gen.User
	// CreateUser is the user to create.
	CreateUser = gen.CreateUser
	// UpdateUser holds the changes to a user.
	UpdateUser = gen.UpdateUser
	// BusinessAddress is the address of a business.
	BusinessAddress = gen.BusinessAddress
	// BusinessIDNoType is the kind of a business number.
	BusinessIDNoType = gen.BusinessIDNoType
)

// The kinds of business numbers: Australian Business Number and Australian Company Number.
const (
	BusinessIDNoTypeABN = gen.BusinessIDNoTypeABN
	BusinessIDNoTypeACN = gen.BusinessIDNoTypeACN
)

// UsersService creates, reads, updates and deletes users.
type UsersService struct{ client *Client }

// List returns the application's users. Only an old guide of API 2.1 documents it, without pages and with few fields;
// [UsersService.Get] returns all fields. Errors: [ErrForbidden], and [ErrResponseTooLarge] for more than about 40,000
// users. operationId: getUsers, a name that Basiq does not define.
func (s *UsersService) List(ctx context.Context) iter.Seq2[*User, error] {
	return list(ctx, s.client, opGetUsers, nil, userResource, s.client.raw.GetUsers, listOptions[User]{})
}

// Create creates a user without connections. An email or a mobile is required, and a business name with a business
// number. Errors: [ErrBadRequest] for a malformed email or mobile. operationId: createUser.
func (s *UsersService) Create(ctx context.Context, user CreateUser) (*User, error) {
	switch {
	case user.Email == "" && user.Mobile == "":
		return nil, invalidInput(opCreateUser.Name, "user", "Email or Mobile is required")
	case user.BusinessIDNo != "" && user.BusinessName == "":
		return nil, invalidInput(opCreateUser.Name, "user", "BusinessName is required with BusinessIDNo")
	}
	return get(ctx, s.client, opCreateUser, nil, userResource, bindInput(s.client.raw.CreateUser, user))
}

// Get returns a user, with references to the user's connections and accounts. operationId: getUser.
func (s *UsersService) Get(ctx context.Context, userID string) (*User, error) {
	return get(ctx, s.client, opGetUser, []pathParam{{"userID", userID}}, userResource, bindID(s.client.raw.GetUser, userID))
}

// Update changes the non-empty fields of change; a field cannot be emptied. Business fields cannot be changed. Errors:
// [ErrInvalidInput] if change is empty, [ErrBadRequest]. operationId: updateUser.
func (s *UsersService) Update(ctx context.Context, userID string, change UpdateUser) (*User, error) {
	if change == (UpdateUser{}) {
		return nil, invalidInput(opUpdateUser.Name, "change", "must not be empty")
	}
	return get(ctx, s.client, opUpdateUser, []pathParam{{"userID", userID}}, userResource, bindIDInput(s.client.raw.UpdateUser, userID, change))
}

// Delete permanently deletes a user with all connections and data. operationId: deleteUser.
func (s *UsersService) Delete(ctx context.Context, userID string) error {
	return doNoContent(ctx, s.client, opDeleteUser, []pathParam{{"userID", userID}}, bindID(s.client.raw.DeleteUser, userID))
}

var userResource = resource[User]{"user", func(u *User) (string, string) { return u.Type, u.ID }}
